"""Price sets: one frozen per run, and the last good one behind it."""

from trueup.domain.documents import prices_document, read_prices
from trueup.domain.models import PriceSet
from trueup.domain.reading import Malformed, digest, format_time
from trueup.domain.report import PricesUsed
from trueup.store import keys
from trueup.store.objects import Objects
from trueup.store.rows import Condition, Rows


class PriceSets:
    """Price sets as objects, and a row that points at the newest good one."""

    def __init__(self, rows: Rows, objects: Objects) -> None:
        self._rows = rows
        self._objects = objects

    def freeze(self, run_id: str, prices: PriceSet) -> None:
        """Keep the price set of a run; the first one of a run stands. Older prices never replace newer ones."""
        key = keys.prices_object(run_id)
        if self._objects.put_once(key, prices_document(prices)):
            as_of = format_time(prices.as_of)
            self._rows.put(
                {"pk": keys.PRICES, "sk": keys.LAST_GOOD, "as_of": as_of, "object": key},
                Condition("absent_or_below", "as_of", as_of),
            )

    def for_run(self, run_id: str, base: str) -> tuple[PriceSet | None, PricesUsed]:
        """Return the run's own price set, else the last good one (however old: compare decides), else none."""
        own = self._read(keys.prices_object(run_id), "this_run")
        if own is not None:
            return own
        row = self._rows.get(keys.PRICES, keys.LAST_GOOD)
        last = None if row is None else self._read(row["object"], "last_good")
        return last if last is not None else (None, PricesUsed("none", base))

    def _read(self, key: str, origin: str) -> tuple[PriceSet, PricesUsed] | None:
        try:
            document = self._objects.get(key)
            if document is None:
                return None
            prices = read_prices(document)
        except Malformed:
            return None  # `prices.origin` of the report says that this set was not used
        return prices, PricesUsed(origin, prices.base, prices.source, prices.as_of, digest(document), key)

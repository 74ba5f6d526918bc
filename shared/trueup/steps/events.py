"""What the events of several steps have in common."""

from trueup.domain.reading import Record
from trueup.domain.run_ids import day_of


def take_run_id(record: Record) -> str:
    """Take `run_id`, in one of the two forms a run id has. Raises Malformed naming the field."""
    run_id = record.text("run_id")
    try:
        day_of(run_id)
    except ValueError as error:
        record.fail("run_id", str(error))
    return run_id


SECOND = "second"


def take_look(record: Record) -> bool:
    """Take `look`, and tell whether it is the run's second one: `first` (as without it) or `second`."""
    return record.has("look") and record.choice("look", ("first", SECOND)) == SECOND

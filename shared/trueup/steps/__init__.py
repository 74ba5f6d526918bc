"""The steps of a run, one module each, as the state machine calls them. Everything they touch is passed in."""

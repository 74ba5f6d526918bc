"""The local AWS: ministack as a child process, the real template deployed into it, and subscribers to its alerts."""

"""What a job rests on, as far as it can be told without one."""

from __future__ import annotations

import os

from restore.jobs.fingerprint import changes, program_facts


def test_as_many_threads_as_there_are_cores_is_not_that_number() -> None:
    """An encoder that may choose does something else than one that is given the same number."""
    cores = os.cpu_count() or 1
    assert changes(program_facts(None), program_facts(cores)) == [f"threads was all {cores}, is {cores}"]
    assert changes(program_facts(2), program_facts(2)) == []

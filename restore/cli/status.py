"""``rechroma status``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from restore.cli.options import existing_or_not


@click.command()
@click.argument("output", type=existing_or_not)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def status(output: Path, as_json: bool) -> None:
    """Say how far the job of OUTPUT is: a film, a recording, or a folder of results."""
    from restore.jobs.status import job_status

    found = job_status(output)
    click.echo(json.dumps({**asdict(found), "output": str(output)}) if as_json else str(found))

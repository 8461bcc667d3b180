"""``rechroma verify``: the command that proves what was kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from restore.cli.options import existing_or_not
from restore.errors import VerificationError

PROBLEMS_IN_MESSAGE = 10


@click.command()
@click.argument("original", type=existing_or_not)
@click.argument("result", type=existing_or_not)
@click.option("--max-luma-difference", type=click.IntRange(min=0), help="Fail above this difference, in codes.")
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON on standard output.")
def verify(original: Path, result: Path, max_luma_difference: int | None, as_json: bool) -> None:
    """Prove that RESULT, a film or a photo, keeps what ORIGINAL had: frames, timestamps, streams, metadata, luma.

    Of folders, every picture is compared with all its results, variants too; of tars, every member.
    """
    from restore.verify import verify_any

    report = verify_any(original, result, max_luma_difference=max_luma_difference)
    if as_json:
        click.echo(json.dumps({**asdict(report), "ok": report.ok}, indent=2, default=str))
    else:
        for line in report.lines():
            click.echo(line)
    if not report.ok:
        more = len(report.problems) - PROBLEMS_IN_MESSAGE
        problems = "; ".join(report.problems[:PROBLEMS_IN_MESSAGE]) + (f"; and {more} more" if more > 0 else "")
        raise VerificationError(f"{result.name} does not keep all of {original.name}: {problems}")

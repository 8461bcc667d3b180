"""``rechroma models``."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from restore.cli.console import console
from restore.cli.options import existing_or_not
from restore.errors import ModelError, OutputError


@click.group(invoke_without_command=True)
@click.option("--card", help="Show this model's card instead.")
@click.pass_context
def models(context: click.Context, card: str | None) -> None:
    """List the shipped models and their cards, or export one as ONNX. How fast they are: rechroma bench models."""
    if context.invoked_subcommand is not None:
        return
    from restore_models import SHIPPED
    from restore_models.weights import sha256_of

    if card is not None:
        if card not in SHIPPED:
            raise click.BadParameter(f"unknown model {card!r}; shipped are {', '.join(SHIPPED)}")
        click.echo(card_text(SHIPPED[card].card))
        return
    table = Table("model", "size", "what it is", "card")
    faults: list[str] = []
    for model in SHIPPED.values():
        size = "missing"
        try:
            size = f"{model.weights.stat().st_size / 1e6:.1f} MB"
            if sha256_of(model.weights) != model.sha256:
                faults.append(f"the weights of {model.name} are not those that were shipped; install rechroma again")
        except OSError:
            faults.append(f"the weights of {model.name} are missing; install rechroma again")
        table.add_row(model.name, size, model.summary, f"rechroma models --card {model.name}")
    console.print(table)
    if faults:
        raise ModelError("; ".join(faults))


@models.command()
@click.argument("model")
@click.option("-o", "--output", type=existing_or_not, help="The .onnx file to write. [default: MODEL.onnx]")
def export(model: str, output: Path | None) -> None:
    """Write MODEL, a shipped one or a .safetensors file, as ONNX, with the TOML that says what it takes and gives."""
    from restore.paint.engines.export import save_as_onnx

    target = output if output is not None else Path(f"{Path(model).stem}.onnx")
    if target.suffix != ".onnx" or target.is_dir() or not target.parent.is_dir():
        raise OutputError(f"{target} cannot be written: give an .onnx file in a folder that exists")
    save_as_onnx(model, target)
    console.print(f"{target} and {target.with_suffix('.toml').name} written; use them with --model {target}")


def card_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read ({error.strerror}); install rechroma again") from error

"""The commands ``config show``, ``config validate`` and ``config schema``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paydelay.cli.options import ConfigPath, Language, Spoken
from paydelay.errors import TargetError
from paydelay.language import phrase

settings_commands = typer.Typer(
    help="Show, check and describe the settings of a --config file.", rich_markup_mode=None
)

_Changed = Annotated[bool, typer.Option("--changed", help="Only what differs from the default.")]
_Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Where the schema is written."),
]


@settings_commands.command()
def show(config: ConfigPath = None, changed: _Changed = False, language: Spoken = Language.en) -> None:
    """Print the settings in effect as YAML, with what each means."""
    from paydelay.config import load_config
    from paydelay.config_text import config_yaml

    typer.echo(config_yaml(load_config(config, language), changed), nl=False)


@settings_commands.command()
def validate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Settings in YAML.")],
    language: Spoken = Language.en,
) -> None:
    """Say whether a file of settings can be used."""
    from paydelay.config import Config, load_config
    from paydelay.config_faults import setting_names

    config, default = load_config(file, language), Config().model_dump()
    given = config.model_dump(exclude_unset=True)
    stages_and_names = [name.split(".") for name in setting_names(Config)]
    named = [(stage, name) for stage, name in stages_and_names if name in given.get(stage, {})]
    changed = sum(given[stage][name] != default[stage][name] for stage, name in named)
    typer.echo(phrase("setting.valid", language, file=file.name, n=len(named), changed=changed))


@settings_commands.command()
def schema(out: _Out = None, language: Spoken = Language.en) -> None:
    """Print the JSON Schema of such a file, for editors."""
    import json

    from paydelay.config_text import config_schema
    from paydelay.files import replacing_file

    text = json.dumps(config_schema(), indent=2) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        with replacing_file(out) as draft:
            draft.write(text.encode())
    except OSError as error:
        raise TargetError(
            f"The schema cannot be written to {out} ({error.strerror or type(error).__name__}); name a file "
            "in a folder that can be written to."
        ) from None
    typer.echo(phrase("setting.schema_written", language, target=str(out)))

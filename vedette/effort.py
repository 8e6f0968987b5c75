"""The option that says how much is measured of a model."""

import click

effort_option = click.option(
    "--effort",
    type=click.Choice(["minimal", "quick", "thorough"]),
    default="quick",
    show_default=True,
    help="How much is measured: seconds, a minute or two, or several.",
)

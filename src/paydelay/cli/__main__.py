"""Run the command line by ``python -m paydelay.cli``."""

from paydelay.cli.program import main

if __name__ == "__main__":
    main()

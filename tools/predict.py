"""Predict disparity, see dsmnet/commands/predict.py."""

from dsmnet.commands.predict import main

if __name__ == "__main__":
    main()

import os


def run():
    print("HEY! This is scenario", os.environ["APPLICATION_SCENARIO_NAME"])

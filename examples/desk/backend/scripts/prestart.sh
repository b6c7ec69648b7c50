#!/usr/bin/env bash
set -e

alembic upgrade head
python app/initial_data.py

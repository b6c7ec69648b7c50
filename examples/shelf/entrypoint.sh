#!/bin/sh
set -e

# The worker and commands find the database as the web server has left it.
if [ "$1" = gunicorn ]; then
    python manage.py migrate --noinput
    python manage.py collectstatic --noinput
fi
exec "$@"

"""The first ticket, of which there is one however often this runs."""

import os

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import engine
from app.models import Ticket

if __name__ == "__main__":
    with Session(engine) as session:
        if session.scalar(select(Ticket)) is None:
            session.add(Ticket(title=os.environ["FIRST_TICKET"]))
            session.commit()

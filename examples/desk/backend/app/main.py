from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import engine
from app.models import Ticket

app = FastAPI()


class NewTicket(BaseModel):
    title: str


@app.get("/health")
def health():
    with engine.connect():
        return {"status": "ok"}


@app.get("/tickets")
def tickets():
    with Session(engine) as session:
        found = session.scalars(select(Ticket).order_by(Ticket.id))
        return [{"id": ticket.id, "title": ticket.title} for ticket in found]


@app.post("/tickets", status_code=201)
def add(new: NewTicket):
    with Session(engine) as session:
        ticket = Ticket(title=new.title)
        session.add(ticket)
        session.commit()
        return {"id": ticket.id, "title": ticket.title}

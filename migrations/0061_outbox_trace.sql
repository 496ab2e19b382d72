-- Messages of the outbox belong to the trace of who has left them.

-- W3C traceparent of the work that has left the message; null: it was not traced.
alter table outbox add column trace text;

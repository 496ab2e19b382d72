-- A count tells of each lot of its place: a later absolute number of one of them supersedes what was counted of that lot, and nothing else.
alter table count_line_lots add column superseded boolean not null default false;

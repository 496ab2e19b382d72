-- How a review ends without a decision, and when its time begins.

alter table orders drop constraint orders_review_status_check;
-- open: nothing of the order ships; ended: the order was cancelled, or ended otherwise, before anybody decided.
alter table orders add constraint orders_review_status_check
  check (review_status in ('open', 'approved', 'rejected', 'ended')) not valid;
alter table orders drop constraint orders_review;
-- The time to decide begins when money is authorised: until then review_until is null, since there is nothing to decide about yet.
alter table orders add constraint orders_review check (review_until is null or review_status is not null) not valid;

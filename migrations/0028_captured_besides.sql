-- What a person settled stays planned to be captured. Where the gateway has taken it as well, that is captured besides.

alter table payments drop constraint refunds_within_capture;
alter table payments add constraint refunds_within_capture check
  (refunded_minor between 0 and refund_planned_minor and refund_planned_minor <= capture_planned_minor
   and refunded_minor <= captured_minor and captured_minor between 0 and least(capture_planned_minor, amount_minor));

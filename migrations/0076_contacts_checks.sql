-- no transaction
-- More of what people are told of. It may be run again; old rows are checked by the part after this.
alter table notifications drop constraint if exists notifications_kind_check;
alter table notifications add constraint notifications_kind_check check (kind in
    ('order_placed', 'order_paid', 'payment_failed', 'payment_action', 'order_review', 'order_backordered', 'order_changed',
     'order_partly_cancelled', 'order_shipped', 'order_delivered', 'parcel_lost', 'cancel_refused', 'order_cancelled', 'order_refunded',
     'return_update', 'alert_critical', 'alert_warning', 'alert_info', 'attention')) not valid;
alter table notification_preferences drop constraint if exists notification_preferences_kind_check;
alter table notification_preferences add constraint notification_preferences_kind_check check (kind in
    ('order_placed', 'order_paid', 'payment_failed', 'payment_action', 'order_review', 'order_backordered', 'order_changed',
     'order_partly_cancelled', 'order_shipped', 'order_delivered', 'parcel_lost', 'cancel_refused', 'order_cancelled', 'order_refunded',
     'return_update', 'alert_critical', 'alert_warning', 'alert_info', 'attention')) not valid;
alter table mails drop constraint if exists mails_kind_check;
alter table mails add constraint mails_kind_check check (kind in
    ('account', 'order_placed', 'order_paid', 'payment_failed', 'payment_action', 'order_review', 'order_backordered', 'order_changed',
     'order_partly_cancelled', 'order_shipped', 'order_delivered', 'parcel_lost', 'cancel_refused', 'order_cancelled', 'order_refunded',
     'return_update', 'alert_critical', 'alert_warning', 'alert_info', 'attention')) not valid;
alter table mails drop constraint if exists mails_reader;
alter table mails add constraint mails_reader check (user_id is not null or subject_id is not null) not valid;

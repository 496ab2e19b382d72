-- no transaction
-- Checks of what is there, and indexes of mails to the contacts of orders. It may be run again.
set lock_timeout = 0;

alter table notifications validate constraint notifications_kind_check;
alter table notification_preferences validate constraint notification_preferences_kind_check;
alter table mails validate constraint mails_kind_check;
alter table mails validate constraint mails_reader;
drop index concurrently if exists mails_of_contacts;
create index concurrently mails_of_contacts on mails (subject_id) where user_id is null;
-- How many went to an address within the hour
drop index concurrently if exists mails_to_contacts;
create index concurrently mails_to_contacts on mails (address_hash, created_at) where user_id is null;

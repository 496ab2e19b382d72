-- What strangers can do in other people's names, and without paying. Rows of before are checked beside those who write, by the next file.

-- People change their e-mail address: the new one counts once a mail to it was confirmed.
alter table user_profiles
  -- The address that is to be confirmed; null: none is.
  add column pending_email text check (pending_email <> ''),
  -- The mail whose token confirms it. Tokens of the mails before, to other addresses, do not.
  add column pending_mail_id uuid,
  -- When it was last asked for.
  add column pending_at timestamptz,
  -- When the name was last changed: its owner changes it once a minute at most.
  add column renamed_at timestamptz,
  -- The address before, until a note was sent to it.
  add column former_email text;

alter table account_mails drop constraint account_mails_kind_check;
alter table account_mails add constraint account_mails_kind_check
  check (kind in ('confirm_email', 'reset_password', 'change_email', 'account_exists', 'password_changed', 'email_changed')) not valid;

-- A customer has a bound on what is reserved and not paid for, which an amendment may not exceed either.
alter table order_amendments drop constraint order_amendments_code_check;
alter table order_amendments add constraint order_amendments_code_check
  check (code in ('OUT_OF_STOCK', 'NOT_AMENDABLE', 'PAYMENT_DECLINED', 'UNKNOWN_SKU', 'MIXED_CURRENCIES', 'PRICE_NOT_CHARGEABLE',
    'PRICE_CHANGED', 'PAYMENT_ATTEMPTS_EXCEEDED', 'UNPAID_LIMIT', 'NOTHING_LEFT')) not valid;

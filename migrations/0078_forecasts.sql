-- Forecasts of demand, what they are measured by, and how far they were off (docs/decisions/0082-forecasts-are-measured.md).

alter table jobs drop constraint jobs_type_check;
alter table jobs add constraint jobs_type_check
  check (type in ('feed', 'products', 'consistency', 'settlement', 'reconciliation', 'report', 'forecast'));

-- A job that forecasts all products; its forecasts are seen once it is published.
create table forecast_runs (
  job_id       uuid primary key,
  -- The last day whose demand is known, in UTC
  last_day     date not null,
  -- Products up to this id are forecast.
  done_to      int not null default 0,
  products     int not null default 0,
  published_at timestamptz
);
create index forecast_runs_published on forecast_runs (last_day desc, published_at desc) where published_at is not null;

-- Mean demand a day of a product of a category in the last weeks of a run: what new products begin from.
create table forecast_categories (
  job_id      uuid not null references forecast_runs on delete cascade,
  category_id int not null,
  rate        double precision not null check (rate >= 0),
  primary key (job_id, category_id)
);

create table forecasts (
  job_id         uuid not null references forecast_runs on delete cascade,
  product_id     int not null,
  -- Null: of all locations together
  warehouse_id   int,
  model          text not null check (model in
    ('naive', 'seasonal_naive', 'theta', 'ets', 'ets_theta', 'mstl', 'croston', 'sba', 'tsb', 'aggregated', 'category')),
  kind           text not null check (kind in ('regular', 'intermittent')),
  -- Units of each day after the last that is known; the same without the season; and what the season does to each.
  point          real[] not null,
  trend          real[] not null,
  season         real[],
  multiplicative boolean not null,
  -- What errors are measured in; 0: demand never changed.
  scale          double precision not null check (scale >= 0),
  -- Errors at an origin that took no part in choosing the model, by its scale; null: too little is known.
  errors         real[],
  history_days   int not null,
  filled_days    int not null,
  outliers       int not null,
  constraint forecasts_key unique nulls not distinct (job_id, product_id, warehouse_id)
);

-- Scaled errors of many series at a day of the horizon, ascending; and those of the sums up to it.
create table forecast_errors (
  job_id uuid not null references forecast_runs on delete cascade,
  kind   text not null check (kind in ('regular', 'intermittent')),
  step   int not null check (step >= 1),
  steps  real[] not null,
  sums   real[] not null,
  primary key (job_id, kind, step)
);

-- How far past forecasts were off over the days that followed, on which demand is known.
create table forecast_accuracy (
  product_id     int not null,
  warehouse_id   int,
  -- The last day that the forecast knew
  last_day       date not null,
  model          text not null,
  days           int not null check (days >= 1),
  actual         double precision not null,
  forecast       double precision not null,
  absolute_error double precision not null,
  constraint forecast_accuracy_key unique nulls not distinct (product_id, warehouse_id, last_day)
);

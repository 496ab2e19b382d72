import { execute, many, one, type Queryable } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import type { CarrierEvent } from '../../domain/fulfilment/types';

/** Stages of a parcel in the sandbox carrier's own tables. */
export const PARCEL_STAGES = ['refused', 'booked', 'picked_up', 'delivered', 'voided', 'failed'] as const;
export type ParcelStage = (typeof PARCEL_STAGES)[number];

/** The carrier has not picked these up, nor will it once they are voided. */
const STOPPABLE = literals(['refused', 'booked'] satisfies ParcelStage[]);

/** Stages that a parcel may be moved to when its time has come. */
export const NEXT_PARCEL_STAGES = [
  'picked_up',
  'delivered',
  'failed',
] as const satisfies readonly ParcelStage[];

export interface NewParcel {
  shipmentId: string;
  trackingNumber: string;
  labelUrl: string;
  stage: 'refused' | 'booked';
  nextStage: 'picked_up' | 'failed' | null;
}

export interface Parcel {
  shipmentId: string;
  trackingNumber: string;
  labelUrl: string;
  stage: ParcelStage;
}

/** Writes parcels; those that are known are returned as they are. Callers give each id once, sorted. */
export function bookParcels(
  on: Queryable,
  parcels: readonly NewParcel[],
  stageDelayMs: number,
): Promise<Parcel[]> {
  return many<Parcel>(
    on,
    'sandbox_carrier.book',
    `insert into sandbox_carrier.parcels as p (shipment_id, tracking_number, label_url, stage, next_stage, next_at)
     select id, tracking, label, stage, next_stage,
       case when next_stage is not null then clock_timestamp() + make_interval(secs => $6::float8 / 1000) end
     from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
       as t (id, tracking, label, stage, next_stage)
     on conflict (shipment_id) do update set stage = p.stage
     returning p.shipment_id as "shipmentId", p.tracking_number as "trackingNumber", p.label_url as "labelUrl", p.stage`,
    [
      parcels.map((p) => p.shipmentId),
      parcels.map((p) => p.trackingNumber),
      parcels.map((p) => p.labelUrl),
      parcels.map((p) => p.stage),
      parcels.map((p) => p.nextStage),
      stageDelayMs,
    ],
  );
}

/** Stops a parcel that has not been picked up, also one that was never booked, so that its booking comes too late. */
export async function voidParcel(
  on: Queryable,
  parcel: Pick<NewParcel, 'shipmentId' | 'trackingNumber' | 'labelUrl'>,
): Promise<ParcelStage> {
  const { stage } = await one<{ stage: ParcelStage }>(
    on,
    'sandbox_carrier.void',
    `insert into sandbox_carrier.parcels as p (shipment_id, tracking_number, label_url, stage)
     values ($1, $2, $3, 'voided')
     on conflict (shipment_id) do update
       set stage = case when p.stage in ${STOPPABLE} then 'voided' else p.stage end,
           next_stage = case when p.stage in ${STOPPABLE} then null else p.next_stage end,
           next_at = case when p.stage in ${STOPPABLE} then null else p.next_at end
     returning p.stage`,
    [parcel.shipmentId, parcel.trackingNumber, parcel.labelUrl],
  );
  return stage;
}

export interface TakenParcel {
  shipmentId: string;
  /** Never empty. */
  unreported: CarrierEvent[];
}

/**
 * Moves parcels on to the stage whose time has come, and returns everything that the webhook has not accepted, of those and
 * of parcels that are to be reported again. No other process reports them for `leaseSeconds`.
 */
export function takeDueParcels(
  on: Queryable,
  take: { limit: number; stageDelayMs: number; leaseSeconds: number },
): Promise<TakenParcel[]> {
  return many<TakenParcel>(
    on,
    'sandbox_carrier.take_due',
    `with due as (
       select shipment_id, coalesce(next_at <= statement_timestamp(), false) as reached
       from sandbox_carrier.parcels
       where next_at <= statement_timestamp() or report_at <= statement_timestamp()
       limit $1 for update skip locked
     )
     update sandbox_carrier.parcels p
     set stage = case when reached then p.next_stage else p.stage end,
         next_stage = case when not reached then p.next_stage when p.next_stage = 'picked_up' then 'delivered' end,
         next_at = case when not reached then p.next_at
                        when p.next_stage = 'picked_up' then clock_timestamp() + make_interval(secs => $2::float8 / 1000) end,
         unreported = case when not reached then p.unreported else p.unreported || jsonb_build_object(
           'eventId', p.tracking_number || '-' || p.next_stage, 'shipmentId', p.shipment_id, 'type', p.next_stage,
           'trackingNumber', p.tracking_number,
           'occurredAt', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) end,
         report_at = clock_timestamp() + make_interval(secs => $3)
     from due where p.shipment_id = due.shipment_id
     returning p.shipment_id as "shipmentId", p.unreported`,
    [take.limit, take.stageDelayMs, take.leaseSeconds],
  );
}

/** Removes what the webhook has accepted; what happened meanwhile is reported next. */
export function removeReported(
  on: Queryable,
  shipmentIds: readonly string[],
  eventIds: readonly string[],
): Promise<number> {
  return execute(
    on,
    'sandbox_carrier.remove_reported',
    `update sandbox_carrier.parcels p
     set unreported = n.rest, report_at = case when n.rest <> '[]' then clock_timestamp() end
     from (select q.shipment_id, coalesce((select jsonb_agg(e) from jsonb_array_elements(q.unreported) e
                                           where e ->> 'eventId' <> all ($2::text[])), '[]') as rest
           from sandbox_carrier.parcels q where q.shipment_id = any ($1::uuid[])
           order by q.shipment_id for update) n
     where p.shipment_id = n.shipment_id`,
    [shipmentIds, eventIds],
  );
}

/** Postpones the report of these parcels by `seconds`. */
export function postponeReport(
  on: Queryable,
  shipmentIds: readonly string[],
  seconds: number,
): Promise<number> {
  return execute(
    on,
    'sandbox_carrier.postpone_report',
    `update sandbox_carrier.parcels set report_at = clock_timestamp() + make_interval(secs => $2)
     where shipment_id = any ($1::uuid[]) and report_at is not null`,
    [shipmentIds, seconds],
  );
}

/** Milliseconds until a parcel is due, zero or less when one is; null when none will be. */
export async function msUntilDue(on: Queryable): Promise<number | null> {
  const { ms } = await one<{ ms: number | null }>(
    on,
    'sandbox_carrier.ms_until_due',
    `select extract(epoch from least(
       (select min(next_at) from sandbox_carrier.parcels),
       (select min(report_at) from sandbox_carrier.parcels)) - clock_timestamp())::float8 * 1000 as ms`,
  );
  return ms;
}

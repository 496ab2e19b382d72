import { z } from 'zod';
import { WAITING_KINDS, WAITING_SUBJECTS } from '../../domain/administration/attention-types';
import { WORK_KINDS } from '../../domain/stock/alerts/types';
import { count, line, name, pageOf, sku, time, uuid, warehouseCode } from './common';
import { orderMembers, orderStatus } from './orders';
import { paymentMethod } from './payments';

export const tag = name(50)
  .toLowerCase()
  .meta({ description: 'In small letters', examples: ['fraud-check'] });
export const tagParams = z.object({ id: uuid, tag });
export const noteParams = z.object({ id: uuid, noteId: uuid });
export const tags = z.object({ tags: z.array(z.string()) }).meta({ id: 'OrderTags' });

/** Text of several lines, without other control characters. */
const noteText = z
  .string()
  .trim()
  .min(1)
  .max(2_000)
  .refine((text) => !/[^\P{Cc}\n\t]|\p{Cs}/u.test(text), 'must not contain control characters');

export const newNote = z.strictObject({ text: noteText }).meta({ id: 'NewOrderNote' });
export const note = z
  .object({ id: uuid, text: z.string(), actor: z.string().meta({ description: 'Who wrote it' }), at: time })
  .meta({ id: 'OrderNote' });
export const notePage = pageOf('OrderNotePage', note);

export const adminOrder = z
  .object({
    ...orderMembers,
    owner: z.string().meta({ description: 'The caller who placed it' }),
    tags: z.array(z.string()),
    noteCount: count,
  })
  .meta({ id: 'AdminOrder', description: 'An order, with what only staff see of it' });
export const adminOrderPage = pageOf('AdminOrderPage', adminOrder);

export const statusChange = z
  .strictObject({
    status: orderStatus,
    reason: line(500).nullish().meta({ description: 'Of `cancelled`; the customer sees it' }),
    payment: paymentMethod.optional().meta({ description: 'What `paid` charges' }),
  })
  .meta({ id: 'OrderStatusChange' });

export const retried = z
  .object({
    items: z.array(
      z.object({
        what: z.string().meta({ description: '`refund`, `capture`, `saga`, or a kind of work' }),
        id: z.string(),
        status: z.string().meta({ description: 'Of money its status; else `due`' }),
      }),
    ),
  })
  .meta({ id: 'Retried' });

export const waitingKind = z.enum(WAITING_KINDS);
export const waiting = z
  .object({
    kind: z.string().meta({ description: WAITING_KINDS.join(', ') }),
    subject: z.object({ type: z.enum(WAITING_SUBJECTS), id: z.string() }),
    since: time,
    deadline: time.nullable().meta({ description: 'When it is decided without a person' }),
    why: z.string(),
    next: z.string().meta({ description: 'What to do, in words' }),
    actions: z.array(z.string()).meta({ description: 'Requests and commands for that, with their ids' }),
    alertId: uuid.nullable(),
    acknowledgedBy: z.string().nullable().meta({ description: 'Who looks after it' }),
  })
  .meta({ id: 'Waiting' });
export const waitingPage = pageOf('WaitingPage', waiting);

export const lowStockStatus = z.enum(['low_stock', 'out_of_stock']);
export const lowPlace = z
  .object({
    sku: z.string(),
    name: z.string(),
    location: z.string(),
    status: lowStockStatus,
    since: time,
    onHand: count,
    reserved: count,
    safetyStock: count,
    available: count,
    threshold: count,
    incoming: count.meta({ description: 'On their way there from other locations' }),
    elsewhere: count.meta({ description: 'Available at other open locations' }),
    backordered: count.meta({ description: 'Units of the product that customers wait for' }),
    alertId: uuid,
    acknowledgedBy: z.string().nullable(),
  })
  .meta({ id: 'LowPlace' });
export const lowStockPage = pageOf('LowStockPage', lowPlace);
export const lowStockFilter = {
  status: lowStockStatus.optional(),
  sku: sku.optional(),
  location: warehouseCode.optional(),
};

export const workRetry = z
  .strictObject({
    work: z.enum(WORK_KINDS).optional().meta({ description: 'Only of this kind; absent: of every kind' }),
    subject: line(500).optional().meta({ description: 'Only on this subject' }),
  })
  .meta({ id: 'WorkRetry' });
export const retriedWork = z
  .object({
    items: z.array(z.object({ work: z.string(), subject: z.string(), nextAttempt: z.string() })),
    more: z.boolean().meta({ description: 'Other work still waits: ask again' }),
  })
  .meta({ id: 'RetriedWork' });

export const jobAcknowledgement = z
  .strictObject({ note: line(500).optional().meta({ description: 'What was done' }) })
  .meta({ id: 'JobAcknowledgement' });

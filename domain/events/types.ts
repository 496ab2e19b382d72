import type { EventSource } from '../event-log/types';

/** What an event is about; `id` is the one by which the API names it. */
export interface EventSubject {
  type: string;
  id: string;
}

/** Something that happened, as readers of the stream see it. */
export interface StreamEvent {
  /** Its place in the stream: unique, rising, and the same for ever. Not without gaps. */
  position: number;
  /** A type of the catalogue. */
  type: string;
  /** Of the schema of `data`. */
  version: number;
  /** RFC 3339 in UTC, with microseconds: when it was written, which is before it got its position. */
  at: string;
  subject: EventSubject;
  /** The caller who caused it; `system`: nobody in particular. */
  actor: string;
  /** Id of the customer for whom somebody else did it. */
  onBehalfOf: string | null;
  /** W3C traceparent of the work that has written it, where that is known. */
  trace: string | null;
  data: Readonly<Record<string, unknown>>;
}

/** What of the stream somebody may see. */
export interface Visibility {
  /** Everything: who works here. */
  all: boolean;
  /** As callers: what they made, and the orders that they placed where `ownOrders`. */
  owners: readonly string[];
  allOrders: boolean;
  ownOrders: boolean;
  /** Movements of stock, and transfers. */
  stock: boolean;
  /** Products, categories, warehouses. */
  catalogue: boolean;
}

/** Types that are asked for, as each source has them. */
export type TypesBySource = Readonly<Partial<Record<EventSource, readonly string[]>>>;

export interface EventPage {
  items: StreamEvent[];
  /** The position to go on after: everything up to it was looked at. */
  after: number;
  /** Nothing is numbered beyond `after`. */
  atEnd: boolean;
  /** The newest position that there is, whatever the reader may see. */
  newest: number;
}

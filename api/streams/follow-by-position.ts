import type { AutoResetEvent } from '../../platform/auto-reset-event';

/** One message about what somebody follows. */
export interface FollowedMessage {
  /** Where to go on after it: rising, and the same for everybody. */
  position: number;
  event: string;
  /** JSON. */
  data: string;
  /** When it came about, milliseconds since 1970; absent: it is a state, and not something that happened. */
  at?: number;
}

export interface FollowedPage {
  messages: readonly FollowedMessage[];
  /** The position to go on after. */
  after: number;
  /** There was nothing beyond it. */
  atEnd: boolean;
  /** Nothing comes any more, once what there is was read. */
  ended: boolean;
}

/** What can be followed: by a read from a position on, which a notice only makes earlier. */
export interface Followed {
  /** Calls `wake` when there may be something new, until the function that it returned is called. */
  watch(wake: () => void): () => void;
  /** How long nobody waits for a notice, which may be lost, milliseconds. */
  readonly pollMs: number;
  /**
   * What came after a position. Null: there is no such thing.
   *
   * @param after undefined: from where it is good to begin
   * @throws AppError where it cannot be read from there
   */
  read(after: number | undefined): Promise<FollowedPage | null>;
}

/**
 * Hands over what there is and then what comes, page by page in the order of positions, until it has ended, is gone, or `stop` is aborted.
 * The next page is read when the last was taken: a slow taker costs no memory. A notice that is lost costs `pollMs` at most.
 *
 * @param first was perhaps read before anybody watched: the next one is read without a wait
 * @param deliver `isLive`: of what has come since the end was reached
 */
export async function follow(
  followed: Followed,
  first: FollowedPage,
  {
    change,
    stop,
    deliver,
  }: {
    /** Set by `wake` of `watch`, and when `stop` is aborted. */
    change: AutoResetEvent;
    stop: AbortSignal;
    deliver(page: FollowedPage, isLive: boolean): Promise<void>;
  },
): Promise<void> {
  let page: FollowedPage | null = first;
  let isLive = false;
  change.set();
  while (page) {
    await deliver(page, isLive);
    if (page.ended && page.atEnd) return;
    if (page.atEnd) {
      await change.wait(followed.pollMs);
      isLive = true;
    }
    if (stop.aborted) return;
    page = await followed.read(page.after);
  }
}

import type { ApplicationFailure } from '@temporalio/workflow';
import type { OrderProgress } from '../../domain/ordering/types';
import { writing } from './failing';

/** Who waits for what becomes of a request. */
export interface Waiting<Result> {
  result?: Result;
  /** Why it cannot be written to rows. */
  failure?: ApplicationFailure;
}

interface WrittenRequest<Request, Result> extends Waiting<Result> {
  request: Request;
  isWritten: boolean;
  isAwaited: boolean;
}

/** Requests that are rows once they are taken: the rows then tell what becomes of them, whoever still waits. */
export class WrittenRequests<Request extends { requestId: string }, Result> {
  private waiting: WrittenRequest<Request, Result>[] = [];

  /**
   * @param until waits for a condition, within the bound of an update
   * @throws what it failed with, where it could not be written
   */
  async ask(
    request: Request,
    until: (isDecided: () => boolean) => Promise<unknown>,
  ): Promise<Result | undefined> {
    const mine: WrittenRequest<Request, Result> = { request, isWritten: false, isAwaited: true };
    this.waiting.push(mine);
    await until(() => mine.result !== undefined || mine.failure !== undefined);
    // One that is not written yet is written later all the same.
    if (mine.isWritten) this.waiting = this.waiting.filter((one) => one !== mine);
    mine.isAwaited = false;
    if (mine.failure) throw mine.failure;
    return mine.result;
  }

  /** True while one is not written to rows. */
  get isNew(): boolean {
    return this.next !== undefined;
  }

  /** Writes those that are not written, the oldest first. One that cannot be is refused. */
  async write(
    read: OrderProgress,
    toRows: (request: Request) => Promise<OrderProgress>,
  ): Promise<OrderProgress> {
    let progress = read;
    for (let one = this.next; one; one = this.next) {
      const { request } = one;
      progress = await writing(one, progress, () => toRows(request));
      one.isWritten = true;
    }
    return progress;
  }

  /** @param resultOf undefined: it is still under way */
  answer(resultOf: (requestId: string) => Result | undefined): void {
    this.waiting = this.waiting.filter(({ isWritten, isAwaited }) => isAwaited || !isWritten);
    for (const one of this.waiting.filter(({ isWritten }) => isWritten)) {
      const result = resultOf(one.request.requestId);
      if (result !== undefined) one.result = result;
    }
  }

  private get next(): WrittenRequest<Request, Result> | undefined {
    return this.waiting.find(({ isWritten }) => !isWritten);
  }
}

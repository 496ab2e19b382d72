import type { ApplicationFailure } from '@temporalio/workflow';

interface Waiting<Request, Result> {
  request: Request;
  isWritten: boolean;
  isAwaited: boolean;
  result?: Result;
  /** Why it cannot be written. */
  failure?: ApplicationFailure;
}

/** Requests that are rows once they are taken: the rows then tell what becomes of them, whoever still waits. */
export class WrittenRequests<Request extends { requestId: string }, Result> {
  private waiting: Waiting<Request, Result>[] = [];

  /**
   * @param until waits for a condition, within the bound of an update
   * @throws what it failed with, where it could not be written
   */
  async ask(
    request: Request,
    until: (isDecided: () => boolean) => Promise<unknown>,
  ): Promise<Result | undefined> {
    const mine: Waiting<Request, Result> = { request, isWritten: false, isAwaited: true };
    this.waiting.push(mine);
    await until(() => mine.result !== undefined || mine.failure !== undefined);
    // One that is not written yet is written later all the same.
    if (mine.isWritten) this.waiting = this.waiting.filter((one) => one !== mine);
    mine.isAwaited = false;
    if (mine.failure) throw mine.failure;
    return mine.result;
  }

  /** The oldest that is not written to rows. */
  get next(): Waiting<Request, Result> | undefined {
    return this.waiting.find(({ isWritten }) => !isWritten);
  }

  /** @param resultOf undefined: it is still under way */
  answer(resultOf: (requestId: string) => Result | undefined): void {
    this.waiting = this.waiting.filter(({ isWritten, isAwaited }) => isAwaited || !isWritten);
    for (const one of this.waiting.filter(({ isWritten }) => isWritten)) {
      const result = resultOf(one.request.requestId);
      if (result !== undefined) one.result = result;
    }
  }
}

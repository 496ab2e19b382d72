export interface AutoResetEvent {
  /** Ends the wait that is going on, or the next one before it begins. */
  ring(): void;
  /** Resolves when rung, or after `ms` milliseconds. One waiter at a time. */
  wait(ms: number): Promise<void>;
}

/** The sleep of a loop that somebody may cut short. A ring while the loop is at work is not lost. */
export function createAutoResetEvent(): AutoResetEvent {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait(ms) {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = undefined;
      }
      rung = false;
    },
  };
}

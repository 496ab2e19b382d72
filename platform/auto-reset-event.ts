export interface AutoResetEvent {
  /** Ends the wait that is going on, or the next one before it begins. */
  set(): void;
  /** Resolves when the event is set, or after `ms` milliseconds; the event is reset then. One waiter at a time. */
  wait(ms: number): Promise<void>;
}

/** A wait of a loop that can be ended early. An event that is set while the loop works is not lost. */
export function createAutoResetEvent(): AutoResetEvent {
  let isSet = false;
  let wake: (() => void) | undefined;
  return {
    set() {
      isSet = true;
      wake?.();
    },
    async wait(ms) {
      if (!isSet) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = undefined;
      }
      isSet = false;
    },
  };
}

import { createRetryAfterEstimate, type RetryAfterEstimate } from '../../api/services/retry-after-estimate';
import { seededRandom } from '../support/random';

/** A pace with a clock that the test moves. */
function paceOf(assumedPerSecond: number): { pace: RetryAfterEstimate; after(ms: number): void } {
  let now = 1_000;
  return { pace: createRetryAfterEstimate(assumedPerSecond, () => now), after: (ms) => void (now += ms) };
}

function told(pace: RetryAfterEstimate, count: number): number[] {
  return Array.from({ length: count }, () => pace.retryAfterSeconds());
}

/** A turn ends every `ms`. */
function move({ pace, after }: ReturnType<typeof paceOf>, turns: number, ms: number): void {
  for (let turn = 0; turn < turns; turn++) {
    after(ms);
    pace.turnEnded();
  }
}

describe('when those who are turned away come again', () => {
  it('is one after the other, at the assumed speed while nothing was seen', () => {
    const { pace } = paceOf(100);
    pace.start();
    expect(told(pace, 100)).toEqual(Array(100).fill(1));
    expect(told(pace, 100)).toEqual(Array(100).fill(2));
  });

  it('is at the speed at which turns end, faster or slower than assumed', () => {
    for (const [assumed, everyMs] of [
      [100, 100],
      [1, 10],
    ] as const) {
      const at = paceOf(assumed);
      at.pace.start();
      move(at, 200, everyMs);
      const perSecond = 1_000 / everyMs;
      const seconds = told(at.pace, perSecond * 5);
      expect(seconds[0]).toBe(1);
      expect(seconds.at(-1)).toBeGreaterThanOrEqual(4);
      expect(seconds.at(-1)).toBeLessThanOrEqual(5);
    }
  });

  it('goes by the last turns, so that a queue that slows down is noticed', () => {
    const at = paceOf(100);
    at.pace.start();
    move(at, 10_000, 1);
    expect(at.pace.expectedMs(100)).toBeCloseTo(100, -1);
    move(at, 300, 50);
    expect(at.pace.expectedMs(100)).toBeCloseTo(5_000, -2);
  });

  it('is later the longer no turn ends at all, and half a minute at most', () => {
    const { pace, after } = paceOf(100);
    pace.start();
    after(10_000);
    expect(told(pace, 5)).toEqual([10, 20, 30, 30, 30]);
    after(30_000);
    expect(told(pace, 1)).toEqual([30]);
  });

  it('is not put off by the time that the first turns take together', () => {
    const at = paceOf(100);
    at.pace.start();
    at.after(3_000);
    expect(told(at.pace, 1)).toEqual([1]);
    move(at, 20, 10);
    expect(at.pace.expectedMs(100)).toBeCloseTo(950, 0);
  });

  it('is in whole seconds, half a minute at most, whatever the clock shows', () => {
    const random = seededRandom();
    const at = paceOf(1);
    for (let n = 0; n < 1_000; n++) {
      at.after(random.fraction());
      expect(at.pace.retryAfterSeconds()).toBeLessThanOrEqual(30);
      const { pace, after } = paceOf(1);
      after(random.fraction());
      expect(pace.retryAfterSeconds()).toBe(1);
    }
  });

  it('gives turns that passed unused to nobody: who comes later does not wait for them', () => {
    const { pace, after } = paceOf(10);
    pace.start();
    expect(told(pace, 50).at(-1)).toBe(5);
    after(60_000);
    pace.stop();
    expect(told(pace, 1)).toEqual([1]);
  });

  it('foretells nothing from a few turns, nor from those of a queue that is gone', () => {
    const at = paceOf(10);
    move(at, 100, 10);
    expect(at.pace.expectedMs(1)).toBeNull();
    at.pace.start();
    move(at, 7, 10);
    expect(at.pace.expectedMs(1)).toBeNull();
    move(at, 1, 10);
    expect(at.pace.expectedMs(8)).toBeCloseTo(70, 0);
    at.pace.stop();
    expect(at.pace.expectedMs(1)).toBeNull();
  });
});

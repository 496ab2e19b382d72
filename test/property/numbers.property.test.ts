import fc from 'fast-check';
import { decideNumber } from '../../domain/stock/ledger/numbers';
import { modelOnHand, type Posting } from './numbers-model';

/** Books of one stock row as the ledger keeps them: a counter, entries that each take effect at a time, and the newest number's time. */
class Books {
  onHand = 0;
  private readonly entries: { units: number; effect: number }[] = [];
  private numberAsOf = -Infinity;

  post(posting: Posting): void {
    if (posting.kind === 'movement') this.enter(posting.units, posting.at);
    else if (posting.kind === 'correction') this.correct(posting);
    else this.number(posting);
  }

  private number({ kind, asOf, number }: Extract<Posting, { number: number }>): void {
    const after = this.entries.filter((entry) => entry.effect > asOf);
    const movedAfter = after.reduce((sum, entry) => sum + entry.units, 0);
    const isOvertaken = this.numberAsOf > asOf;
    const decision = decideNumber({ onHand: this.onHand, movedAfter, isOvertaken }, number);
    if (decision.outcome === 'superseded' || (kind === 'feed' && decision.delta === 0)) return;
    this.enter(decision.delta, asOf);
    this.numberAsOf = asOf;
  }

  private correct({ asOf, units }: Extract<Posting, { kind: 'correction' }>): void {
    // The least time after the newest number: a microsecond in the ledger.
    if (asOf === null) this.enter(units, this.numberAsOf + 0.001);
    else if (asOf > this.numberAsOf) this.enter(units, asOf);
  }

  private enter(units: number, effect: number): void {
    this.entries.push({ units, effect });
    this.onHand += units;
  }
}

const units = fc.integer({ min: -9, max: 9 });
const number = fc.integer({ min: 0, max: 20 });
/** How long before it is posted something is true. */
const age = fc.integer({ min: 0, max: 12 });

type Draft = [kind: Posting['kind'] | 'untimed', units: number, number: number, age: number];
const drafts: fc.Arbitrary<Draft[]> = fc.array(
  fc.tuple(
    fc.constantFrom('movement' as const, 'number', 'feed', 'correction', 'untimed'),
    units,
    number,
    age,
  ),
  { minLength: 1, maxLength: 14 },
);

/** Posted one after the other; a movement is booked when it is made. */
function postingOf([kind, moved, said, old]: Draft, at: number): Posting {
  if (kind === 'movement') return { kind, at, units: moved };
  if (kind === 'untimed') return { kind: 'correction', asOf: null, units: moved };
  // Between two movements.
  const asOf = at - old - 0.5;
  return kind === 'correction' ? { kind, asOf, units: moved } : { kind, asOf, number: said };
}

test('after every posting, on hand is the newest number and what takes effect after it', () => {
  fc.assert(
    fc.property(drafts, (given) => {
      const books = new Books();
      const posted: Posting[] = [];
      given.forEach((draft, at) => {
        const posting = postingOf(draft, at);
        books.post(posting);
        posted.push(posting);
        expect(books.onHand).toBe(modelOnHand(posted));
      });
    }),
    { numRuns: 5_000 },
  );
});

test('numbers and corrections with a time come to the same in whatever order they are posted', () => {
  const facts = fc.uniqueArray(
    fc.record({
      kind: fc.constantFrom('movement' as const, 'number', 'correction'),
      at: fc.integer({ min: 0, max: 40 }),
      units,
      number,
      /** Posted so much later than it was true; a movement never is. */
      delay: fc.integer({ min: 0, max: 40 }),
    }),
    { selector: (fact) => fact.at, minLength: 1, maxLength: 14 },
  );
  fc.assert(
    fc.property(facts, (given) => {
      const posted = given
        .map(({ kind, at, units: moved, number: said, delay }) => {
          if (kind === 'movement') return { when: at, posting: { kind, at, units: moved } };
          const posting: Posting =
            kind === 'number' ? { kind, asOf: at, number: said } : { kind, asOf: at, units: moved };
          return { when: at + delay + 0.5, posting };
        })
        .sort((a, b) => a.when - b.when);
      const books = new Books();
      for (const { posting } of posted) books.post(posting);

      const newest = given
        .filter((fact) => fact.kind === 'number')
        .reduce((last, fact) => (fact.at > last.at ? fact : last), { at: -1, number: 0 });
      const since = given.filter((fact) => fact.kind !== 'number' && fact.at > newest.at);
      expect(books.onHand).toBe(since.reduce((sum, fact) => sum + fact.units, newest.number));
    }),
    { numRuns: 5_000 },
  );
});

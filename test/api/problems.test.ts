import { PROBLEMS, problem, toProblem } from '../../api/http/problems';

function codeOf(sqlState: string): string {
  return toProblem(Object.assign(new Error('from PostgreSQL'), { code: sqlState }), 'r-1').code;
}

it('a value that PostgreSQL refuses breaks a rule, whatever it is refused for', () => {
  const states = ['22003', '22007', '22008', '22021', '22023', '22P02', '22P05', '22001', '22009'];
  for (const state of states) expect([state, codeOf(state)]).toEqual([state, 'VALIDATION_FAILED']);
});

it('an error of our own statements stays one', () => {
  for (const state of ['22012', '22004', '42703', '23514', 'P0001'])
    expect([state, codeOf(state)]).toEqual([state, 'INTERNAL']);
});

it('every problem has a code, a status of its own and words', () => {
  for (const [code, { status, title }] of Object.entries(PROBLEMS)) {
    expect(toProblem(problem(code as keyof typeof PROBLEMS, 'why'), 'r-1')).toMatchObject({
      code,
      status,
      title,
      detail: 'why',
      instance: 'r-1',
    });
    expect(status).toBeGreaterThanOrEqual(400);
  }
});

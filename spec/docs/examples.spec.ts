import { expect } from 'chai';
import { checkFences } from './check-fences.js';
import { exampleFencesOf, fencesOf, filesUnder, pages, titleOf, type Fence } from './fences.js';
import { runFence } from './run-fence.js';

/** `ts`: a piece that must compile; `ts signature`: must be the code's own; `ts run`: prints the `text` fence that follows. */
const KINDS = ['ts', 'ts signature', 'ts run'];

describe('the code on the pages', () => {
  const onPages = pages().flatMap(fencesOf);
  const inCode = filesUnder('lib', '.ts').flatMap(exampleFencesOf);
  const code = [...onPages, ...inCode].filter(({ info }) => info.startsWith('ts'));

  it('is of a kind that is checked here', () => {
    expect(code.filter(({ info }) => !KINDS.includes(info)).map(titleOf)).to.deep.equal([]);
  });

  describe('compiles', () => {
    let messages: Map<Fence, string[]>;

    before(function () {
      this.timeout(120_000);
      messages = checkFences(code);
    });

    for (const fence of code) {
      it(titleOf(fence), () => {
        expect(messages.get(fence)).to.deep.equal([]);
      });
    }
  });

  describe('prints what the page says', () => {
    const programs = onPages.filter(({ info }) => info === 'ts run');
    let outputs: Map<Fence, PromiseSettledResult<string>>;

    before(async function () {
      this.timeout(300_000);
      outputs = await runAll(programs);
    });

    for (const program of programs) {
      it(titleOf(program), () => {
        const expected = onPages[onPages.indexOf(program) + 1];
        expect(expected?.info, 'the fence that follows').to.equal('text');
        const output = outputs.get(program)!;
        if (output.status === 'rejected') throw output.reason;
        expect(output.value.trim()).to.equal(expected!.text.trim());
      });
    }

    it('on at least one page', () => {
      expect(programs).to.not.be.empty;
    });
  });
});

/** As many at a time as a small machine has cores, since programs wait more than they work. */
const AT_A_TIME = 4;

async function runAll(programs: readonly Fence[]): Promise<Map<Fence, PromiseSettledResult<string>>> {
  const outputs = new Map<Fence, PromiseSettledResult<string>>();
  const waiting = [...programs];
  const runOn = async (): Promise<void> => {
    for (let program = waiting.shift(); program; program = waiting.shift()) {
      const [output] = await Promise.allSettled([runFence(program)]);
      outputs.set(program, output);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, runOn));
  return outputs;
}

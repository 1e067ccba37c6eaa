/**
 * The demo: real flights go through rx-kinesis while workers are killed, shards are split and merged, reads fail, and stored blocks are lost.
 * `npm run demo -- --help` says more. Exit code 0 when every flight was processed once, in order, and every mean is right;
 * 1 when not; 2 when the command line is not understood.
 */
import { parseArguments, USAGE, type DemoArguments } from './arguments.js';
import { runDemo } from './demo.js';
import { report } from './report.js';

// The report should not have to share the screen with the SDK's notice about older Node versions.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
// An end through exit() takes the child processes and the files along.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));

process.exitCode = await main();

async function main(): Promise<number> {
  let asked: DemoArguments;
  try {
    asked = parseArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (asked.help) {
    console.log(USAGE);
    return 0;
  }
  try {
    const findings = await runDemo(asked.records);
    console.log(`\n${report(findings)}`);
    return findings.failures.length === 0 ? 0 : 1;
  } catch (error) {
    console.error('The demo failed:', error);
    return 1;
  }
}

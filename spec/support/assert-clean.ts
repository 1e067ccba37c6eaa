/** `npm run prepack`: what is published is what is committed, and nothing that only lies here. */
import { execFileSync } from 'node:child_process';

const changes = execFileSync('git', ['status', '--porcelain', '--', '.'], { encoding: 'utf8' });
if (changes !== '') {
  process.stderr.write(`The working tree has changes that are not committed, and would be published:\n${changes}`);
  process.exitCode = 1;
}

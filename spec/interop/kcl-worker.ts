import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { buildDirectory, CACHE, type KclLine } from './kcl-lines.js';
import { ReaderProcess } from './reader-process.js';

/** Settings of a KCL worker: the environment variables that the README lists. */
export type KclSettings = Readonly<Record<string, string>>;

/** Where the logs of the KCL workers lie, one file a worker. */
export const LOGS = join(CACHE, 'logs');

/** A small heap and a quick start: a worker of these specs reads some hundred records. */
const JVM = ['-Xmx192m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Daws.cborEnabled=false'];
const LOGGING = ['defaultLogLevel=warn', 'showDateTime=true', 'dateTimeFormat=HH:mm:ss.SSS'];

/** Starts a worker of the real KCL. It ends with this process. */
export function startKclWorker(line: KclLine, name: string, settings: KclSettings): ReaderProcess {
  const directory = buildDirectory(line);
  const classPath = `${join(directory, 'kcl-worker-1.jar')}:${join(directory, 'lib')}/*`;
  const logging = LOGGING.map((setting) => `-Dorg.slf4j.simpleLogger.${setting}`);
  mkdirSync(LOGS, { recursive: true });
  const log = openSync(join(LOGS, `${settings.APP}-${name}.log`), 'w');
  const child = spawn('java', [...JVM, ...logging, '-cp', classPath, 'kclworker.KclWorker'], {
    env: { ...process.env, HALT_WITHOUT_INPUT: '1', ...settings },
    stdio: ['pipe', 'pipe', log],
  });
  closeSync(log);
  return new ReaderProcess(name, child);
}

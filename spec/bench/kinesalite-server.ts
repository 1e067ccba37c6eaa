import { startKinesalite } from '../support/kinesis-services.js';

/** An emulator in a process of its own, so that its work does not delay what is measured. Sends its endpoint, and ends with its parent. */
const { endpoint } = await startKinesalite();
process.send?.(endpoint);
process.on('disconnect', () => process.exit());

import { expect } from 'chai';
import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { deaggregateRecord } from '../../../lib/kinesis/aggregation/deaggregateRecord.js';
import { aggregate, type AggregateRecord } from '../../../lib/testing/index.js';

/** A user record in the form in which all the decoders' answers are compared. */
interface Flat {
  readonly partitionKey: string;
  readonly explicitHashKey: string | undefined;
  readonly data: string;
}

const RUNS = 2_000;
/** Amazon's decoders, unlike KCL, give a record without explicit hash key the first of the table: all have one, or none. */
const anyAggregate = anyRecords(fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }));
/** Amazon's encoder for Node mixes up the order of keys that look like indexes of an array, and takes no empty data for data. */
const anyAggregateForNode = anyRecords(fc.string({ unit: 'binary', maxLength: 30 }).map((key) => `k${key}`));

describe('deaggregateRecord reads the same as', () => {
  it(`Amazon's decoder for Node, in ${RUNS} aggregates of our own`, () => {
    fc.assert(
      fc.property(anyAggregate, (records) => {
        const payload = aggregate(records);
        expect(readHere(payload)).to.deep.equal(records.map(flat));
        expect(readByNode(payload)).to.deep.equal(records.map(flat));
      }),
      { numRuns: RUNS },
    );
  });

  it(`Amazon's encoder for Node writes, in ${RUNS} aggregates`, () => {
    fc.assert(
      fc.property(anyAggregateForNode, (records) => {
        expect(readHere(writtenByNode(records))).to.deep.equal(records.map(flat));
      }),
      { numRuns: RUNS },
    );
  });

  const python = [process.env.PYTHON, 'python3'].find((program) => program !== undefined && hasAggregation(program));
  if (python === undefined) {
    console.log("NOT CHECKED: Amazon's library for Python. It needs python3 (or $PYTHON) with: pip install aws_kinesis_agg six");
  } else {
    it(`Amazon's library for Python, in ${RUNS} aggregates each way`, function () {
      this.timeout(60_000);
      const all = fc.sample(anyAggregate, RUNS);
      const given = all.map((records) => ({ payload: inBase64(aggregate(records)), records: records.map(flat) }));
      const answers = JSON.parse(answerOf(python, JSON.stringify(given))) as Array<{
        readonly read: readonly Flat[];
        readonly written: string;
      }>;
      expect(answers).to.have.length(RUNS);
      answers.forEach(({ read, written }, i) => {
        const expected = all[i]!.map(flat);
        expect(read.map((it) => ({ ...it, explicitHashKey: it.explicitHashKey ?? undefined }))).to.deep.equal(expected);
        expect(readHere(Buffer.from(written, 'base64'))).to.deep.equal(expected);
      });
    });
  }
});

function anyRecords(partitionKey: fc.Arbitrary<string>): fc.Arbitrary<readonly AggregateRecord[]> {
  const data = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const explicitHashKey = fc.bigInt(10n ** 10n, 2n ** 128n - 1n).map(String);
  const length = { minLength: 1, maxLength: 30 };
  return fc.oneof(
    fc.array(fc.record({ partitionKey, data }), length),
    fc.array(fc.record({ partitionKey, explicitHashKey, data }), length),
  );
}

function flat({ partitionKey, explicitHashKey, data }: AggregateRecord): Flat {
  return { partitionKey, explicitHashKey, data: inBase64(data as Uint8Array) };
}

function inBase64(data: Uint8Array): string {
  return Buffer.from(data).toString('base64');
}

function readHere(Data: Uint8Array): Flat[] {
  const fields = deaggregateRecord({ SequenceNumber: '1', PartitionKey: 'outer', Data });
  fields.forEach(({ subSequenceNumber }, i) => expect(subSequenceNumber).to.equal(i));
  return fields.map(flat);
}

/** Its own types need those of the AWS SDK 2. */
interface NodePeer {
  deaggregateSync(
    record: object,
    checks: true,
    done: (error: Error | undefined, records: ReadonlyArray<Flat & { explicitPartitionKey?: string }>) => void,
  ): void;
  readonly RecordAggregator: new (ready: (error: Error | null, made: { readonly data: Buffer }) => void) => {
    aggregateRecords(records: readonly object[], flush: true): void;
  };
}
const nodePeer = createRequire(import.meta.url)('aws-kinesis-agg') as NodePeer;

function readByNode(payload: Uint8Array): Flat[] {
  let read: Flat[] = [];
  nodePeer.deaggregateSync({ data: inBase64(payload), sequenceNumber: '1', partitionKey: 'outer' }, true, (error, records) => {
    if (error) throw error;
    read = records.map(({ partitionKey, explicitPartitionKey, data }) => ({ partitionKey, explicitHashKey: explicitPartitionKey, data }));
  });
  return read;
}

function writtenByNode(records: readonly AggregateRecord[]): Uint8Array {
  const written: Uint8Array[] = [];
  const aggregator = new nodePeer.RecordAggregator((error, made) => {
    if (error) throw error;
    written.push(made.data);
  });
  aggregator.aggregateRecords(
    records.map((record) => ({ ...record, data: Buffer.from(record.data as Uint8Array) })),
    true,
  );
  expect(written).to.have.length(1);
  return written[0]!;
}

function hasAggregation(program: string): boolean {
  try {
    execFileSync(program, ['-c', 'import aws_kinesis_agg.aggregator, aws_kinesis_agg.deaggregator'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function answerOf(python: string, input: string): string {
  return execFileSync(python, ['-c', PYTHON_PEER], { input, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
}

/** Reads each payload, and writes its records anew. */
const PYTHON_PEER = `
import base64, json, sys
from aws_kinesis_agg import aggregator, deaggregator

def read(payload):
    outer = {'kinesisSchemaVersion': '1.0', 'sequenceNumber': '1', 'approximateArrivalTimestamp': 0, 'partitionKey': 'outer', 'data': payload}
    users = [it['kinesis'] for it in deaggregator.deaggregate_records([{'kinesis': outer, 'eventSource': 'aws:kinesis'}])]
    assert [it['subSequenceNumber'] for it in users] == list(range(len(users)))
    return [{'partitionKey': it['partitionKey'], 'explicitHashKey': it['explicitHashKey'], 'data': it['data'].decode()} for it in users]

def written(records):
    made = aggregator.RecordAggregator()
    for it in records:
        full = made.add_user_record(it['partitionKey'], base64.b64decode(it['data']), it.get('explicitHashKey'))
        assert not full
    return base64.b64encode(made.clear_and_get().get_contents()[2]).decode()

print(json.dumps([{'read': read(it['payload']), 'written': written(it['records'])} for it in json.load(sys.stdin)]))
`;

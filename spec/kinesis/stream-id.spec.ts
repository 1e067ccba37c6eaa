import { expect } from 'chai';
import { resolveStream, streamNameOf, type StreamConfig } from '../../lib/kinesis/stream-id.js';
import { isInvalidConfig } from '../../lib/values/errors.js';
import { thrownBy } from '../support/thrown-by.js';

describe('resolveStream', () => {
  it('takes a name', () => {
    for (const streamName of ['flights', 'A', 'a_b.c-9', 'x'.repeat(128)])
      expect(resolveStream({ streamName })).to.deep.equal({ streamName, id: { StreamName: streamName } });
  });

  for (const partition of ['aws', 'aws-cn', 'aws-us-gov']) {
    it(`takes an ARN of the partition ${partition}`, () => {
      const streamARN = `arn:${partition}:kinesis:eu-west-1:123456789012:stream/flights`;
      expect(resolveStream({ streamARN })).to.deep.equal({ streamName: 'flights', id: { StreamARN: streamARN } });
    });
  }

  const invalid: Readonly<Record<string, readonly [config: object, message: RegExp]>> = {
    neither: [{}, /^expected either streamName or streamARN$/],
    both: [{ streamName: 'flights', streamARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/flights' }, /^expected either/],
    'an empty name': [{ streamName: '' }, /^streamName: expected 1 to 128 letters.*got ""$/],
    'a long name': [{ streamName: 'x'.repeat(129) }, /^streamName: expected 1 to 128 letters/],
    'a name with a slash': [{ streamName: 'a/b' }, /got "a\/b"$/],
    'an ARN as a name': [{ streamName: 'arn:aws:kinesis:eu-west-1:123456789012:stream/flights' }, /^streamName: expected/],
    'a name as an ARN': [{ streamARN: 'flights' }, /^streamARN: expected the ARN of a Kinesis stream, got "flights"$/],
    'the ARN of a consumer': [
      { streamARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/flights/consumer/c:1' },
      /^streamARN: expected the ARN of a Kinesis stream/,
    ],
    'the ARN of another service': [{ streamARN: 'arn:aws:firehose:eu-west-1:123456789012:stream/flights' }, /^streamARN: expected/],
    'an ARN without an account': [{ streamARN: 'arn:aws:kinesis:eu-west-1::stream/flights' }, /^streamARN: expected/],
  };
  for (const [what, [config, message]] of Object.entries(invalid)) {
    it(`refuses ${what}`, () => {
      const error = thrownBy(() => resolveStream(config as StreamConfig));
      expect(isInvalidConfig(error)).to.equal(true);
      expect(error).to.have.property('message').that.matches(message);
    });
  }
});

describe('streamNameOf', () => {
  it('is the name, or the end of the ARN', () => {
    expect(streamNameOf({ StreamName: 'flights' })).to.equal('flights');
    expect(streamNameOf({ StreamARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/flights' })).to.equal('flights');
  });
});

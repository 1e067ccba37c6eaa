/** A fault of the set-up: what to do about it. */
export interface SetUpFault {
  readonly advice: string;
  /** Whether the fault cannot pass by itself. A refused connection can: the service may not be up yet. */
  readonly isLasting: boolean;
}

/**
 * Recognises a fault of the set-up by the message or the `code` of the error, or of one of its causes.
 *
 * @remarks Seen with AWS SDK 3.1143 on Node 20 and 22. The codes are those of Node and OpenSSL.
 */
export function setUpFaultOf(error: unknown): SetUpFault | undefined {
  // The SDK and this package wrap a fault of a socket this deep.
  for (let depth = 0, fault = error as Fault | null | undefined; fault && depth < 4; depth++, fault = fault.cause as Fault | undefined) {
    if (fault.message === 'Region is missing') return NO_REGION;
    const known = BY_CODE.find(([pattern]) => typeof fault?.code === 'string' && pattern.test(fault.code));
    if (known) return known[1];
  }
  return undefined;
}

interface Fault {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
}

const NO_REGION: SetUpFault = { advice: 'the client has no region: give it one, or set AWS_REGION', isLasting: true };

const BY_CODE: ReadonlyArray<readonly [RegExp, SetUpFault]> = [
  [/^ECONNREFUSED$/, { advice: 'nothing listens at the endpoint: is the service up, and are host and port right?', isLasting: false }],
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, { advice: "the endpoint's host is unknown: are region and endpoint right?", isLasting: false }],
  [
    /^ERR_HTTP2_(?:ERROR|SESSION_ERROR)$/,
    {
      advice:
        'the endpoint does not speak HTTP/2, which is what the client sends by default: ' +
        'give it requestHandler: new NodeHttpHandler() of @smithy/node-http-handler',
      isLasting: true,
    },
  ],
  [
    /^(?:EPROTO|ERR_SSL_WRONG_VERSION_NUMBER)$/,
    { advice: 'the endpoint does not speak TLS: should it begin with http://?', isLasting: true },
  ],
  [/CERT|^UNABLE_TO_/, { advice: "the endpoint's certificate is not trusted", isLasting: true }],
];

/** A fault of the set-up: what to do about it. */
export interface SetUpFault {
  readonly advice: string;
  /** Whether the fault cannot pass by itself. A refused connection can: the service may not be up yet. */
  readonly isLasting: boolean;
}

/**
 * Recognises a fault of the set-up by the error, or by one of its causes: by its message, its `code`, or its name and status.
 *
 * @remarks Seen with AWS SDK 3.1143 on Node 20 and 22. The codes are those of Node and OpenSSL.
 */
export function setUpFaultOf(error: unknown): SetUpFault | undefined {
  // The SDK and this package wrap a fault of a socket this deep.
  for (let depth = 0, fault = error as Fault | null | undefined; fault && depth < 4; depth++, fault = fault.cause as Fault | undefined) {
    if (fault.message === 'Region is missing') return NO_REGION;
    const known = BY_CODE.find(([pattern]) => typeof fault?.code === 'string' && pattern.test(fault.code));
    if (known) return known[1];
    const other = otherService(fault);
    if (other) return other;
  }
  return undefined;
}

/** Recognises the answer of something that does not know the call. A reply that was garbled on the way looks the same, but not for long. */
function otherService({ name, $metadata }: Fault): SetUpFault | undefined {
  if (name === 'UnknownOperationException') return { advice: OTHER_SERVICE, isLasting: true };
  const status = $metadata?.httpStatusCode ?? 0;
  const isRefused = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return isRefused && WITHOUT_A_NAME.has(name) ? { advice: OTHER_SERVICE, isLasting: false } : undefined;
}

/** The names that the SDK gives to a refusal that is no JSON, or JSON without the name of an error. */
const WITHOUT_A_NAME = new Set<unknown>(['SyntaxError', 'Unknown', 'UnknownError']);

const OTHER_SERVICE = 'something answers at the endpoint, but it is not this service: are host and port right?';

interface Fault {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
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

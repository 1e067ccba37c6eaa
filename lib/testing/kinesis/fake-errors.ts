/** Makes an error like the AWS SDK's: with its `name`, and the fields that retry policies use. */
export function awsError(name: string, message: string = name): Error {
  const server = SERVER_FAULTS.test(name);
  return Object.assign(new Error(message), {
    name,
    $fault: server ? 'server' : 'client',
    $metadata: { httpStatusCode: server ? 500 : 400, attempts: 1 },
  });
}

const SERVER_FAULTS = /^(?:Internal|ServiceUnavailable)/;

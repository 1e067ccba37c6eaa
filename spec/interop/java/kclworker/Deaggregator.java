package kclworker;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/**
 * Opens payloads with the KCL's own code. Each line of the input is a payload in base64 and the hash keys of a shard; each line of the
 * output is `throws`, or the user records with spaces between them: sub-sequence number, explicit hash key, partition key and data, the
 * texts in base64, with colons between them. A plain record has `plain` in place of the sub-sequence number.
 */
public final class Deaggregator {
    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintStream output = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] parts = line.split(" ");
            output.println(open(Base64.getDecoder().decode(parts[0]), parts[1], parts[2]));
        }
        output.flush();
    }

    private static String open(byte[] payload, String startingHashKey, String endingHashKey) {
        KinesisClientRecord record = KinesisClientRecord.builder()
                .data(ByteBuffer.wrap(payload))
                .partitionKey("outer")
                .sequenceNumber("1")
                .approximateArrivalTimestamp(Instant.EPOCH)
                .build();
        try {
            return new AggregatorUtil()
                    .deaggregate(List.of(record), startingHashKey, endingHashKey).stream()
                            .map(Deaggregator::shown)
                            .collect(Collectors.joining(" "));
        } catch (Throwable fault) {
            // Also errors: the KCL lets a NoClassDefFoundError escape where the index of a key is wrong.
            return "throws";
        }
    }

    private static String shown(KinesisClientRecord user) {
        String sub = user.aggregated() ? String.valueOf(user.subSequenceNumber()) : "plain";
        String hashKey = user.explicitHashKey() == null ? "" : base64(user.explicitHashKey().getBytes(StandardCharsets.UTF_8));
        byte[] data = new byte[user.data().remaining()];
        user.data().duplicate().get(data);
        return String.join(":", sub, hashKey, base64(user.partitionKey().getBytes(StandardCharsets.UTF_8)), base64(data));
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }
}

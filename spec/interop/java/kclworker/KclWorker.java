package kclworker;

import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.checkpoint.CheckpointConfig;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.StreamIdentifier;
import software.amazon.kinesis.coordinator.CoordinatorConfig;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.coordinator.WorkerStateChangeListener;
import software.amazon.kinesis.exceptions.KinesisClientLibException;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.lifecycle.LifecycleConfig;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.MetricsConfig;
import software.amazon.kinesis.metrics.MetricsLevel;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ProcessorConfig;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.RetrievalConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * One worker of the Amazon KCL, against local services. The same source compiles with KCL 2.x and 3.x; what only 3.x
 * has is set by name (KCL_OPTIONS). It tells everything it does as JSON lines on standard output; logs go to standard
 * error. Settings are environment variables: the README beside the pom lists them.
 */
public final class KclWorker {
    private static final PrintStream OUT =
            new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    private final Settings settings = new Settings();
    private final AtomicLong delivered = new AtomicLong();
    private final AtomicBoolean stopping = new AtomicBoolean();
    private Scheduler scheduler;

    public static void main(String[] arguments) throws Exception {
        new KclWorker().run();
    }

    private void run() throws Exception {
        // Neither kinesis-mock nor kinesalite is asked for CBOR: the JSON protocol works with every local service.
        if (System.getProperty("aws.cborEnabled") == null) System.setProperty("aws.cborEnabled", "false");

        Region region = Region.of(settings.text("AWS_REGION", "us-east-1"));
        StaticCredentialsProvider credentials = StaticCredentialsProvider.create(AwsBasicCredentials.create(
                settings.text("AWS_ACCESS_KEY_ID", "000000000000"), settings.text("AWS_SECRET_ACCESS_KEY", "local")));
        // The SDK's Kinesis client speaks HTTP/2 by default, which no plain-text local service does.
        SdkAsyncHttpClient http = NettyNioAsyncHttpClient.builder()
                .protocol(Protocol.HTTP1_1)
                .maxConcurrency(200)
                .connectionAcquisitionTimeout(Duration.ofSeconds(30))
                .build();
        KinesisAsyncClient kinesis = KinesisAsyncClient.builder()
                .httpClient(http).region(region).credentialsProvider(credentials)
                .endpointOverride(URI.create(settings.text("KINESIS_ENDPOINT", "http://127.0.0.1:4568")))
                .build();
        DynamoDbAsyncClient dynamo = DynamoDbAsyncClient.builder()
                .httpClient(http).region(region).credentialsProvider(credentials)
                .endpointOverride(URI.create(settings.text("DYNAMODB_ENDPOINT", "http://127.0.0.1:8000")))
                .build();
        // Never called: the metrics are off. KCL wants an object.
        CloudWatchAsyncClient cloudWatch = CloudWatchAsyncClient.builder()
                .httpClient(http).region(region).credentialsProvider(credentials)
                .endpointOverride(URI.create("http://127.0.0.1:9"))
                .build();

        String stream = settings.text("STREAM", null);
        String application = settings.text("APP", null);
        String workerId = settings.text("WORKER_ID", null);
        SingleStreamTracker tracker =
                new SingleStreamTracker(StreamIdentifier.singleStreamInstance(stream), initialPosition());
        ConfigsBuilder builder = new ConfigsBuilder(
                tracker, application, kinesis, dynamo, cloudWatch, workerId, Processor::new);

        PollingConfig polling = new PollingConfig(stream, kinesis);
        polling.maxRecords((int) settings.number("MAX_RECORDS", 1_000));
        polling.idleTimeBetweenReadsInMillis(settings.number("IDLE_MS", 500));
        CheckpointConfig checkpoint = builder.checkpointConfig();
        CoordinatorConfig coordinator = builder.coordinatorConfig();
        coordinator.workerStateChangeListener(new WorkerStateChangeListener() {
            @Override
            public void onWorkerStateChange(WorkerState state) {
                tell("worker", "state", state.name());
            }

            @Override
            public void onAllInitializationAttemptsFailed(Throwable error) {
                tell("initializationFailed", "error", String.valueOf(error));
            }
        });
        LeaseManagementConfig lease = builder.leaseManagementConfig();
        lease.failoverTimeMillis(settings.number("FAILOVER_MS", 10_000));
        LifecycleConfig lifecycle = builder.lifecycleConfig();
        MetricsConfig metrics = builder.metricsConfig().metricsLevel(MetricsLevel.NONE).metricsFactory(new NullMetricsFactory());
        ProcessorConfig processor = builder.processorConfig();
        RetrievalConfig retrieval = builder.retrievalConfig().retrievalSpecificConfig(polling);

        Map<String, Object> parts = new LinkedHashMap<>();
        parts.put("checkpoint", checkpoint);
        parts.put("coordinator", coordinator);
        parts.put("lease", lease);
        parts.put("lifecycle", lifecycle);
        parts.put("polling", polling);
        parts.put("processor", processor);
        parts.put("retrieval", retrieval);
        for (String option : settings.text("KCL_OPTIONS", "").trim().split("\\s+")) {
            if (!option.isEmpty()) Options.set(parts, option);
        }

        scheduler = new Scheduler(checkpoint, coordinator, lease, lifecycle, metrics, processor, retrieval);
        tell("start", "workerId", workerId, "kcl", String.valueOf(Scheduler.class.getPackage().getImplementationVersion()),
                "jar", Scheduler.class.getProtectionDomain().getCodeSource().getLocation().getPath().replaceAll(".*/", ""));

        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop("SIGTERM"), "stop-on-signal"));
        Thread input = new Thread(this::stopOnLine, "stop-on-line");
        input.setDaemon(true);
        input.start();

        Thread worker = new Thread(scheduler, "scheduler");
        worker.start();
        worker.join();
        tell("end", "delivered", delivered.get());
        if (!stopping.get()) System.exit(0);
    }

    private InitialPositionInStreamExtended initialPosition() {
        String text = settings.text("INITIAL_POSITION", "TRIM_HORIZON");
        if (text.startsWith("AT_TIMESTAMP:")) {
            return InitialPositionInStreamExtended.newInitialPositionAtTimestamp(
                    new Date(Long.parseLong(text.substring("AT_TIMESTAMP:".length()))));
        }
        return InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.valueOf(text));
    }

    /** Any line on standard input, such as "stop", is the same as SIGTERM. Its end is a crash, if so set: whoever started this is gone. */
    private void stopOnLine() {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            if (lines.readLine() != null) System.exit(0);
            if (settings.number("HALT_WITHOUT_INPUT", 0) != 0) Runtime.getRuntime().halt(1);
        } catch (Exception error) {
            tell("input", "error", String.valueOf(error));
        }
    }

    private void stop(String cause) {
        if (!stopping.compareAndSet(false, true)) return;
        tell("stopping", "cause", cause);
        try {
            boolean graceful = scheduler.startGracefulShutdown().get(settings.number("STOP_TIMEOUT_MS", 60_000), TimeUnit.MILLISECONDS);
            tell("stopped", "graceful", graceful, "delivered", delivered.get());
        } catch (Exception error) {
            tell("stopped", "error", String.valueOf(error), "delivered", delivered.get());
        }
    }

    /** Writes one JSON line: the event, the time in ms, then names and values in turn. */
    private static void tell(String event, Object... fields) {
        StringBuilder line = new StringBuilder(200);
        line.append("{\"event\":").append(quoted(event)).append(",\"at\":").append(System.currentTimeMillis());
        for (int i = 0; i + 1 < fields.length; i += 2) {
            Object value = fields[i + 1];
            line.append(',').append(quoted(String.valueOf(fields[i]))).append(':');
            line.append(value instanceof Number || value instanceof Boolean ? value.toString() : value == null ? "null" : quoted(value.toString()));
        }
        OUT.println(line.append('}'));
    }

    private static String quoted(String text) {
        StringBuilder json = new StringBuilder(text.length() + 2).append('"');
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') json.append('\\').append(c);
            else if (c < ' ') json.append(String.format("\\u%04x", (int) c));
            else json.append(c);
        }
        return json.append('"').toString();
    }

    /** Tells each record, and checkpoints after so many records and so much time. */
    private final class Processor implements ShardRecordProcessor {
        private final long checkpointRecords = settings.number("CHECKPOINT_RECORDS", 0);
        private final long checkpointMs = settings.number("CHECKPOINT_MS", 1_000);
        private final long recordDelayMs = settings.number("RECORD_DELAY_MS", 0);
        private final long stopAfter = settings.number("STOP_AFTER", 0);
        private final long shardEndDelayMs = settings.number("SHARD_END_DELAY_MS", 0);
        private final boolean checkpointAtStop = settings.number("CHECKPOINT_AT_STOP", 1) != 0;
        private String shardId;
        private KinesisClientRecord last;
        private KinesisClientRecord saved;
        private long since;
        private long savedAt = System.nanoTime();

        @Override
        public void initialize(InitializationInput input) {
            shardId = input.shardId();
            tell("initialize", "shardId", shardId, "from", input.extendedSequenceNumber().sequenceNumber(),
                    "subSequenceNumber", input.extendedSequenceNumber().subSequenceNumber(),
                    "pending", input.pendingCheckpointSequenceNumber() == null ? null
                            : input.pendingCheckpointSequenceNumber().sequenceNumber());
        }

        @Override
        public void processRecords(ProcessRecordsInput input) {
            for (KinesisClientRecord record : input.records()) {
                tell("record", "shardId", shardId, "sequenceNumber", record.sequenceNumber(),
                        "subSequenceNumber", record.subSequenceNumber(), "partitionKey", record.partitionKey(),
                        "data", StandardCharsets.UTF_8.decode(record.data().duplicate()).toString());
                last = record;
                since++;
                if (delivered.incrementAndGet() == stopAfter) new Thread(() -> System.exit(0), "stop-after").start();
                if (recordDelayMs > 0) pause(recordDelayMs);
                if (checkpointRecords > 0 && since >= checkpointRecords) checkpoint(input.checkpointer());
            }
            if (checkpointMs > 0 && System.nanoTime() - savedAt >= checkpointMs * 1_000_000) checkpoint(input.checkpointer());
        }

        private void checkpoint(RecordProcessorCheckpointer checkpointer) {
            savedAt = System.nanoTime();
            if (last == null || last == saved) return;
            try {
                checkpointer.checkpoint(last.sequenceNumber(), last.subSequenceNumber());
                tell("checkpoint", "shardId", shardId, "sequenceNumber", last.sequenceNumber(), "subSequenceNumber", last.subSequenceNumber());
                saved = last;
                since = 0;
            } catch (KinesisClientLibException | RuntimeException error) {
                tell("checkpointFailed", "shardId", shardId, "sequenceNumber", last.sequenceNumber(), "error", String.valueOf(error));
            }
        }

        @Override
        public void leaseLost(LeaseLostInput input) {
            tell("leaseLost", "shardId", shardId);
        }

        @Override
        public void shardEnded(ShardEndedInput input) {
            tell("shardEnded", "shardId", shardId);
            // The children have their rows by now, the parent has no SHARD_END: this is where a worker may be killed.
            if (shardEndDelayMs > 0) pause(shardEndDelayMs);
            try {
                input.checkpointer().checkpoint(); // SHARD_END: without it KCL tries the end again for ever
                tell("checkpoint", "shardId", shardId, "sequenceNumber", "SHARD_END", "subSequenceNumber", 0);
            } catch (Exception error) {
                tell("checkpointFailed", "shardId", shardId, "sequenceNumber", "SHARD_END", "error", String.valueOf(error));
            }
        }

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {
            tell("shutdownRequested", "shardId", shardId);
            if (checkpointAtStop) checkpoint(input.checkpointer());
        }
    }

    private static void pause(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private static final class Settings {
        String text(String name, String otherwise) {
            String value = System.getenv(name);
            if (value != null && !value.isEmpty()) return value;
            if (otherwise == null) throw new IllegalArgumentException("the environment variable " + name + " is missing");
            return otherwise;
        }

        long number(String name, long otherwise) {
            return Long.parseLong(text(name, Long.toString(otherwise)));
        }
    }

    /** Sets what the environment names, for example lease.gracefulLeaseHandoffConfig.isGracefulLeaseHandoffEnabled=false. */
    private static final class Options {
        static void set(Map<String, Object> parts, String option) throws Exception {
            int equals = option.indexOf('=');
            String[] path = option.substring(0, equals).split("\\.");
            Object target = parts.get(path[0]);
            for (int i = 1; i < path.length - 1; i++) target = target.getClass().getMethod(path[i]).invoke(target);
            String name = path[path.length - 1];
            for (Method method : target.getClass().getMethods()) {
                if (method.getName().equals(name) && method.getParameterCount() == 1) {
                    Object value = parse(method.getGenericParameterTypes()[0], option.substring(equals + 1));
                    try {
                        method.invoke(target, value);
                    } catch (InvocationTargetException error) {
                        throw new IllegalArgumentException(option, error.getCause());
                    }
                    tell("option", "name", option.substring(0, equals), "value", value);
                    return;
                }
            }
            throw new IllegalArgumentException("this version of KCL has no option " + option);
        }

        @SuppressWarnings({"unchecked", "rawtypes"})
        private static Object parse(Type type, String text) {
            if (type instanceof ParameterizedType && Collection.class.isAssignableFrom((Class<?>) ((ParameterizedType) type).getRawType())) {
                return Arrays.asList(text.split(","));
            }
            Class<?> kind = (Class<?>) type;
            if (kind == long.class || kind == Long.class) return Long.valueOf(text);
            if (kind == int.class || kind == Integer.class) return Integer.valueOf(text);
            if (kind == double.class || kind == Double.class) return Double.valueOf(text);
            if (kind == boolean.class || kind == Boolean.class) return Boolean.valueOf(text);
            if (kind == Duration.class) return Duration.parse(text);
            if (kind.isEnum()) return Enum.valueOf((Class) kind, text);
            // An enum-like or SDK enum type with a name.
            return text;
        }
    }
}

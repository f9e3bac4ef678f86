package nextflowbatch

import java.nio.file.Files
import java.nio.file.Path

import groovy.transform.CompileStatic
import groovy.transform.Synchronized
import groovy.util.logging.Slf4j
import nextflow.Session
import nextflow.trace.TraceObserverV2
import nextflow.trace.TraceRecord
import nextflow.trace.event.TaskEvent

/**
 * Writes a row for each task that has ended, in the form of Nextflow's trace. Pipelines such as
 * nf-core's keep their trace elsewhere, and with columns of their own.
 */
@Slf4j
@CompileStatic
class TaskTable implements TraceObserverV2 {

    private static final List<String> FIELDS = [
        'task_id', 'hash', 'native_id', 'name', 'process', 'status', 'exit', 'queue', 'cpus', 'memory',
        'submit', 'start', 'complete', 'duration', 'realtime', '%cpu', 'peak_rss',
    ]
    /** Times as milliseconds since 1970; Nextflow's own form has no time zone. */
    private static final List<String> FORMATS = FIELDS.collect { String field ->
        final format = TraceRecord.FIELDS.get(field)
        format == 'date' ? 'num' : format
    }

    private final Path file
    private PrintWriter writer

    TaskTable(Path file) {
        this.file = file
    }

    @Override
    void onFlowCreate(Session session) {
        try {
            writer = new PrintWriter(Files.newBufferedWriter(file))
            write(FIELDS.join('\t'))
        }
        catch( IOException e ) {
            log.debug("The tasks could not be listed in $file", e)
        }
    }

    @Override
    void onTaskComplete(TaskEvent event) {
        add(event.trace)
    }

    @Override
    void onTaskCached(TaskEvent event) {
        add(event.trace)
    }

    /** Without it, Nextflow does not measure what tasks use. */
    @Override
    boolean enableMetrics() {
        return true
    }

    private void add(TraceRecord task) {
        // Of a task that was stored by `storeDir`, there is no record.
        if( task )
            write(task.renderText(FIELDS, FORMATS, '\t'))
    }

    @Synchronized
    private void write(String line) {
        writer?.println(line)
        writer?.flush()
    }
}

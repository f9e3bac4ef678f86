package nextflowbatch

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE

import java.nio.file.Files
import java.nio.file.Path

import groovy.json.JsonOutput
import groovy.transform.CompileStatic
import groovy.transform.Synchronized
import groovy.util.logging.Slf4j
import nextflow.Session
import nextflow.plugin.Plugins
import nextflow.processor.TaskHandler
import nextflow.trace.TraceObserverV2
import nextflow.trace.event.TaskEvent

/**
 * Counts the tasks that have ended, by process and outcome, in the file that run.json is made from.
 * Unlike Nextflow's own trace it lies where no pipeline has a say.
 */
@Slf4j
@CompileStatic
class TaskCounts implements TraceObserverV2 {

    /** Who reads it, does so less often. */
    private static final long INTERVAL_MILLIS = 2000

    private final Path file
    private final Map<String, Map<String, Integer>> processes = new TreeMap<>()
    private boolean changed = true

    TaskCounts(Path file) {
        this.file = file
    }

    @Override
    void onFlowCreate(Session session) {
        final writing = new TimerTask() {
            @Override
            void run() {
                write()
            }
        }
        new Timer('Task counts', true).schedule(writing, 0, INTERVAL_MILLIS)
    }

    @Override
    void onTaskComplete(TaskEvent event) {
        count(event.handler, event.handler.statusString)
    }

    @Override
    void onTaskCached(TaskEvent event) {
        count(event.handler, 'CACHED')
    }

    @Override
    void onFlowComplete() {
        write()
    }

    @Synchronized
    private void count(TaskHandler handler, String outcome) {
        processes
            .computeIfAbsent(handler.task.processor.name) { new TreeMap<String, Integer>() }
            .merge(outcome.toLowerCase(), 1, Integer::sum)
        changed = true
    }

    /** Writes all of it, so that a reader sees either this or what was before. */
    @Synchronized
    protected void write() {
        if( !changed )
            return
        final unfinished = file.resolveSibling("${file.fileName}.new")
        try {
            Files.writeString(unfinished, JsonOutput.toJson([plugins: plugins(), processes: processes]))
            Files.move(unfinished, file, ATOMIC_MOVE)
            changed = false
        }
        catch( IOException e ) {
            log.debug("The tasks could not be counted in $file", e)
        }
    }

    private static List<String> plugins() {
        return Plugins.manager.startedPlugins
            .collect { "${it.pluginId}@${it.descriptor.version}".toString() }
            .sort()
    }
}

package nextflowbatch

import static java.nio.file.StandardCopyOption.ATOMIC_MOVE

import java.nio.file.Files
import java.nio.file.Path

import groovy.json.JsonOutput
import groovy.transform.CompileStatic
import groovy.transform.Synchronized
import nextflow.Session
import nextflow.plugin.Plugins
import nextflow.processor.TaskHandler
import nextflow.trace.TraceObserverV2
import nextflow.trace.event.TaskEvent

/**
 * Counts the tasks that have ended, by process and outcome, in the file that run.json is made from.
 * Other than Nextflow's own trace it lies where no pipeline has a say.
 */
@CompileStatic
class TaskCounts implements TraceObserverV2 {

    private final Path file
    private final Map<String, Map<String, Integer>> processes = new TreeMap<>()

    TaskCounts(Path file) {
        this.file = file
    }

    @Override
    void onFlowCreate(Session session) {
        write()
    }

    @Override
    void onTaskComplete(TaskEvent event) {
        count(event.handler, event.handler.statusString)
    }

    @Override
    void onTaskCached(TaskEvent event) {
        count(event.handler, 'CACHED')
    }

    @Synchronized
    private void count(TaskHandler handler, String outcome) {
        processes
            .computeIfAbsent(handler.task.processor.name) { new TreeMap<String, Integer>() }
            .merge(outcome.toLowerCase(), 1, Integer::sum)
        write()
    }

    /** Writes all of it, so that a reader sees either this or what was before. */
    @Synchronized
    private void write() {
        final unfinished = file.resolveSibling("${file.fileName}.new")
        Files.writeString(unfinished, JsonOutput.toJson([plugins: plugins(), processes: processes]))
        Files.move(unfinished, file, ATOMIC_MOVE)
    }

    private static List<String> plugins() {
        return Plugins.manager.startedPlugins
            .collect { "${it.pluginId}@${it.descriptor.version}".toString() }
            .sort()
    }
}

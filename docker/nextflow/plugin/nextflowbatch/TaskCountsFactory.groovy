package nextflowbatch

import java.nio.file.Path

import groovy.transform.CompileStatic
import nextflow.Session
import nextflow.trace.TraceObserverFactoryV2
import nextflow.trace.TraceObserverV2

/** Has the tasks counted if the head names a file for it. */
@CompileStatic
class TaskCountsFactory implements TraceObserverFactoryV2 {

    @Override
    Collection<TraceObserverV2> create(Session session) {
        final file = System.getenv('NF_TASKS_FILE')
        return file ? [new TaskCounts(Path.of(file)) as TraceObserverV2] : []
    }
}

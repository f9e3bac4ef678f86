package nextflowbatch

import java.nio.file.Path

import groovy.transform.CompileStatic
import nextflow.Session
import nextflow.trace.TraceObserverFactoryV2
import nextflow.trace.TraceObserverV2

/** Has the tasks counted and listed, each if the head names a file for it. */
@CompileStatic
class TaskFiles implements TraceObserverFactoryV2 {

    @Override
    Collection<TraceObserverV2> create(Session session) {
        final counts = System.getenv('NF_TASKS_FILE')
        final table = System.getenv('NF_TASK_TABLE')
        final List<TraceObserverV2> observers = []
        if( counts )
            observers << new TaskCounts(Path.of(counts))
        if( table )
            observers << new TaskTable(Path.of(table))
        return observers
    }
}

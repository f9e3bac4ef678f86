package nextflowbatch

import java.util.concurrent.ConcurrentHashMap

import groovy.transform.CompileStatic
import nextflow.Session
import nextflow.processor.TaskHandler
import nextflow.trace.TraceObserverV2
import nextflow.trace.event.TaskEvent

/**
 * Lets Nextflow ask AWS Batch for the tasks' states once a second on average, however many there are.
 *
 * One call is about a hundred tasks. So a short run does not wait for Nextflow's own poll of 10 s, at
 * which a run of a thousand tasks makes a call a second too.
 */
@CompileStatic
class Poll implements TraceObserverV2 {

    private static final int TASKS_PER_CALL = 100

    private final Set<TaskHandler> submitted = ConcurrentHashMap.newKeySet()

    @Override
    void onFlowCreate(Session session) {
        final waking = new TimerTask() {
            private int seconds

            @Override
            void run() {
                if( ++seconds * TASKS_PER_CALL < submitted.size() )
                    return
                seconds = 0
                session.executorFactory?.signalExecutors()
            }
        }
        new Timer('Poll', true).schedule(waking, 1000, 1000)
    }

    @Override
    void onTaskSubmit(TaskEvent event) {
        submitted.add(event.handler)
    }

    @Override
    void onTaskComplete(TaskEvent event) {
        submitted.remove(event.handler)
    }
}

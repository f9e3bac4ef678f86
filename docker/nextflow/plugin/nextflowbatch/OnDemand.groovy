package nextflowbatch

import groovy.transform.CompileStatic
import groovy.transform.Immutable

/** Where tasks go that have lost their Spot hosts, as the head's variables say (docs/head.md). */
@Immutable
@CompileStatic
class OnDemand {

    /** The queue that this is about; a pipeline that sends a task to another one has its reasons. */
    String spotQueue

    /** The queue whose hosts are not reclaimed. */
    String queue

    /** How often a task is submitted to the first queue before it goes to the second. */
    int spotAttempts

    /** Null if there is no such queue. */
    static OnDemand of(Map<String, String> variables) {
        final queue = variables.NF_ON_DEMAND_QUEUE
        return queue
            ? new OnDemand(variables.NF_JOB_QUEUE, queue, (variables.NF_SPOT_ATTEMPTS ?: '1') as int)
            : null
    }

    boolean takesFrom(Object taskQueue) {
        return taskQueue && nameOf(taskQueue) == nameOf(spotQueue)
    }

    /** A queue is given by its name or by its ARN, which ends with the name. */
    static String nameOf(Object queue) {
        return queue.toString().tokenize('/').last()
    }
}

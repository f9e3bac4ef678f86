package nextflowbatch

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.processor.TaskMonitor
import nextflow.processor.TaskProcessor.RunType
import nextflow.processor.TaskRun
import nextflow.processor.TaskStatus

/**
 * A task in AWS Batch that is submitted again when its job has lost its host as often as Batch may
 * repeat it.
 *
 * It does with two queues what Batch does in one: the same command runs once more, in the same work
 * directory. For Nextflow the task has not ended, so neither errorStrategy, maxRetries and
 * task.attempt nor the hash, by which a resume finds it, know of the loss.
 */
@Slf4j
@CompileStatic
class SpotTaskHandler extends DeploymentTaskHandler {

    /**
     * How Batch's reason begins; nf-amazon tells Batch to repeat what begins so.
     * https://github.com/nextflow-io/nextflow/blob/v26.04.6/plugins/nf-amazon/src/main/nextflow/cloud/aws/batch/AwsBatchTaskHandler.groovy#L883
     */
    private static final String HOST_LOST = 'Host EC2'

    private final TaskMonitor monitor
    private final OnDemand onDemand
    private int losses

    SpotTaskHandler(
        TaskRun task, HeadBatchExecutor executor, Deployment deployment, OnDemand onDemand) {
        super(task, executor, deployment)
        this.monitor = executor.monitor
        this.onDemand = onDemand
    }

    /**
     * The monitor asks this of each task that is running.
     * https://github.com/nextflow-io/nextflow/blob/v26.04.6/modules/nextflow/src/main/groovy/nextflow/processor/TaskPollingMonitor.groovy#L655-L690
     */
    @Override
    boolean checkIfCompleted() {
        if( !super.checkIfCompleted() )
            return false
        if( !lostItsHost() || !mayGoOn() )
            return true
        submitAgain()
        return false
    }

    private boolean lostItsHost() {
        // nf-amazon passes Batch's reason on as the error's message.
        return task.error?.message?.startsWith(HOST_LOST)
    }

    private boolean mayGoOn() {
        // A run that is ending submits nothing any more.
        final session = task.processor.session
        return losses < onDemand.spotAttempts
            && onDemand.takesFrom(task.config.queue)
            && !session.isCancelled()
            && !session.isAborted()
    }

    private void submitAgain() {
        losses++
        if( losses == onDemand.spotAttempts )
            task.config.put('queue', onDemand.queue)
        final queue = OnDemand.nameOf(task.config.queue)
        log.info "[$task.hashLog] NOTE: ${task.lazyName()} has lost its hosts: ${task.error.message} -- It is submitted again, to queue $queue"
        task.error = null
        task.exitStatus = Integer.MAX_VALUE
        task.stdout = null
        task.stderr = null
        task.runType = RunType.RETRY
        // What the monitor does with a task that has ended, and with a new one.
        status = TaskStatus.NEW
        decProcessForks()
        monitor.evict(this)
        monitor.schedule(this)
    }
}

package nextflow.cloud.aws.batch

import nextflow.executor.Executor
import nextflow.processor.TaskHandler
import nextflow.processor.TaskMonitor
import nextflow.processor.TaskPollingMonitor
import nextflow.processor.TaskRun
import nextflow.util.Duration
import nextflow.util.ServiceName
import org.pf4j.ExtensionPoint

/** Jobs are processes; where they run is up to their queue. POLL is how often they are looked at. */
@ServiceName('awsbatch')
class AwsBatchExecutor extends Executor implements ExtensionPoint {

    @Override
    protected TaskMonitor createTaskMonitor() {
        return TaskPollingMonitor.create(session, name, 100, Duration.of(System.getenv('POLL') ?: '100ms'))
    }

    @Override
    TaskHandler createTaskHandler(TaskRun task) {
        return new AwsBatchTaskHandler(task, this)
    }
}
